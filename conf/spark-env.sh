# Read by Spark's own scripts from the conf folder beside its jars, where `make setup` puts it.
# Spark 4 starts every JVM with an incubator module (for vector arithmetic), and the JVM says so on every start: it has
# no option against that. This one line is dropped from its error stream; all others pass.
exec 2> >(trap '' INT; exec grep --line-buffered -vxF 'WARNING: Using incubator modules: jdk.incubator.vector' >&2)
