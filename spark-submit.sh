#!/usr/bin/env bash
# Runs a job on any master: ./spark-submit.sh [spark-submit options] JOB [job options]
#
#   ./spark-submit.sh --master 'local[*]' manifest lists/*.bz2 --warehouse build/warehouse
#   ./spark-submit.sh --master yarn --archives build/environment.tar.gz#environment crawl --config conf/yarn.yaml
#
# With --deploy-mode cluster (YARN) the settings and the weights travel too, and no path of this machine does.
# The code travels as one zip. Executors need the dependencies of setup.py: see the README's part on clusters.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
jobs=$(cd "$here/jobs" && printf '%s ' [!_]*.py | sed 's/\.py / /g')
jobs+="run evaluate demo" # these three run several

options=()
while [ $# -gt 0 ] && [[ $1 == -* ]]; do
    options+=("$1")
    case $1 in
    --*=* | --verbose | -v | --supervise | --load-spark-defaults | --usage-error | --version | --help | -h) ;;
    *) if [ $# -gt 1 ]; then options+=("$2") && shift; fi ;; # every other option of spark-submit takes a value
    esac
    shift
done
if [[ " $jobs " != *" ${1:-no job} "* ]]; then
    wrong=${1:+unknown job $1}
    echo "spark-submit.sh: ${wrong:-no job given}; expected [spark-submit options] JOB [job options]," \
        "JOB one of: $jobs" >&2
    exit 2
fi

master='' mode=client
for ((i = 0; i < ${#options[@]}; i++)); do
    case "${options[i]} ${options[i + 1]:-}" in
    --master[\ =]*) master=${options[i]#--master} && master=${master#=} && master=${master:-${options[i + 1]}} ;;
    --deploy-mode[\ =]*) mode=${options[i]#--deploy-mode} && mode=${mode#=} && mode=${mode:-${options[i + 1]}} ;;
    "--conf spark.submit.deployMode="*) mode=${options[i + 1]#*=} ;;
    esac
done
if [ "$mode" = cluster ] && [ "${master:-yarn}" != yarn ]; then
    echo "spark-submit.sh: deploy mode cluster runs on YARN only, --master $master was given: use --deploy-mode client" >&2
    exit 2
fi

venv=$here/.venv/bin/python
if [ "$mode" = cluster ]; then
    python=$([ -x "$venv" ] && echo "$venv" || echo python3) # and no path of this machine goes to the driver's node
else
    if [ -x "$venv" ]; then
        export PYSPARK_PYTHON=${PYSPARK_PYTHON:-$venv}
        export PYSPARK_DRIVER_PYTHON=${PYSPARK_DRIVER_PYTHON:-$venv}
    fi
    python=${PYSPARK_DRIVER_PYTHON:-${PYSPARK_PYTHON:-python3}}
    own_options=(--conf "spark.driver.extraJavaOptions=-Dlog4j2.configurationFile=file:$here/conf/log4j2.properties")
fi
if [ -z "${SPARK_HOME:-}" ]; then
    SPARK_HOME=$("$python" -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)')
    export SPARK_HOME
fi
if ! compgen -G "$SPARK_HOME/jars/delta-spark_*.jar" >/dev/null; then
    delta='import runpy, sys; print(runpy.run_path(sys.argv[1])["DELTA_PACKAGE"])'
    options+=(--packages "$("$python" -c "$delta" "$here/conf/versions.py")")
fi

mkdir -p "$here/build"
code="$here/build/facejoin.zip"
"$python" - "$here" "$code" <<'PYTHON'
import sys
import zipfile
from pathlib import Path

here, code = Path(sys.argv[1]), Path(sys.argv[2])
rooms = sorted(init.parent for init in here.glob("*/__init__.py"))
part = code.with_suffix(".part")
with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as zipped:
    zipped.writestr("facejoin/", "")  # a namespace package is only seen in a zip that lists its folder
    for room in rooms:
        for path in sorted(room.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                zipped.write(path, f"facejoin/{path.relative_to(here)}")
part.replace(code)
PYTHON

if [ "$mode" = cluster ]; then # its log is YARN's to keep, whole
    sent=$(PYTHONPATH=$code "$python" -m facejoin.cli.cluster_mode "$@")
    mapfile -t words <<<"$sent"
    own_options=(${words[0]:+--conf "spark.yarn.dist.files=${words[0]}"})
    set -- "${words[@]:1}"
fi
exec "$SPARK_HOME/bin/spark-submit" \
    --name face-join \
    --properties-file "$here/conf/spark-defaults.conf" --load-spark-defaults \
    ${own_options[@]+"${own_options[@]}"} \
    --py-files "$code" \
    ${options[@]+"${options[@]}"} \
    "$here/cli/app.py" "$@"
