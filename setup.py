"""Face-Join's distribution: the folders at the root are installed as `facejoin.<folder>`."""

import os
import runpy
from pathlib import Path

from setuptools import find_packages, setup

ROOMS = find_packages()  # every folder with an __init__.py, and those below it
VERSIONS = runpy.run_path("conf/versions.py")


def without_provided(packages: list[str]) -> list[str]:
    """Without Spark and Delta where FACEJOIN_SPARK is `provided`: a platform like Databricks brings its own."""
    provided = ("pyspark", "delta-spark") if os.environ.get("FACEJOIN_SPARK") == "provided" else ()
    return [package for package in packages if not package.startswith(provided)]


def data_files(room: str) -> list[str]:
    """Whatever lies beside the modules: settings, the page."""
    files = (path for path in Path(room).rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc"))
    return [str(path.relative_to(room)) for path in files]


setup(
    name="facejoin",
    version="0.1.0",
    description="Find the people of a gallery in a photo collection of any size, and show where each was seen.",
    license_expression="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    python_requires=">=3.11",
    packages=[f"facejoin.{room}" for room in ROOMS],
    package_dir={f"facejoin.{room}": room.replace(".", "/") for room in ROOMS},
    package_data={f"facejoin.{room}": data_files(room) for room in ROOMS if "." not in room},
    install_requires=without_provided(
        [
            f"pyspark=={VERSIONS['SPARK']}",
            f"delta-spark=={VERSIONS['DELTA']}",
            "pandas<3",  # pyspark 4.2 does not fully support pandas 3
            "pyarrow>=18",
            "numpy>=2",
            "torch>=2.12",
            "torchvision",
            "facenet-pytorch==2.5.3",  # 2.6.0 pins torch below 2.3
            "openvino>=2026.0",
            "numba>=0.63",
            "onnx>=1.17",
            "scikit-learn>=1.6",
            "scipy>=1.13",
            "matplotlib>=3.9",
            "skops>=0.12",
            "pycurl>=7.45.6",
            "requests>=2.32",
            "urllib3>=2.6",
            "certifi",
            "protego>=0.4",
            "psutil>=6",
            "prometheus-client>=0.21",
            "Pillow>=11",
            "simplejpeg>=1.9",
            "packaging>=24",
            "pydantic>=2.9",
            "PyYAML>=6",
            "typer>=0.15",
            "rich>=13",
            "reverse-geocode>=1.6",
        ]
    ),
    extras_require={
        "dev": [
            "pytest>=8",
            "hypothesis>=6",
            "playwright>=1.49",
            "onnxruntime>=1.20",
            "nbclient>=0.10",
            "nbformat>=5.10",
            "ipykernel>=6",
            "ruff>=0.9",
            "mypy>=1.14",
            "networkx>=3",
            "types-PyYAML",
            "types-pycurl",
            "types-requests",
            "pandas-stubs>=2,<3",
            "build>=1.2",
            "pre-commit>=4",
            "grpcio>=1.76",  # with the next three, what pyspark's Connect client asks for
            "grpcio-status>=1.76",
            "googleapis-common-protos>=1.71",
            "zstandard>=0.25",
            "databricks-bundles>=1",  # the published schema of databricks.yml, as classes
            "uv>=0.13",  # writes the lock file: pip's own tools lock for one platform only
        ],
    },
    entry_points={"console_scripts": ["facejoin=facejoin.cli.app:main", "facejoin-task=facejoin.cli.wheel_task:main"]},
)
