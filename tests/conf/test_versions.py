"""The versions that fit together are those that are installed, and can be read before anything is."""

import ast
import runpy
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pyspark

from facejoin.conf import versions


def test_the_packages_that_are_installed_are_those_that_are_named():
    assert (version("pyspark"), version("delta-spark")) == (versions.SPARK, versions.DELTA)


def test_deltas_jar_is_named_after_the_spark_and_the_scala_that_it_is_built_for():
    assert f"io.delta:delta-spark_4.2_2.13:{versions.DELTA}" == versions.DELTA_PACKAGE
    assert [*(Path(pyspark.__file__).parent / "jars").glob(f"scala-library-{versions.SCALA}.*.jar")]


def test_no_jar_of_another_delta_lies_beside_sparks_own():
    """Where `make setup` puts them."""
    jars = {path.stem for path in (Path(pyspark.__file__).parent / "jars").glob("delta-spark_*.jar")}
    assert jars <= {f"{versions.DELTA_ARTIFACT}-{versions.DELTA}"}


def test_the_file_is_read_without_an_import():
    spec = find_spec("facejoin.conf.versions")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin)
    assert not [
        node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert runpy.run_path(str(source))["DELTA_PACKAGE"] == versions.DELTA_PACKAGE
