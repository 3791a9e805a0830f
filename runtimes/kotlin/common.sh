# Sourced: sets `kotlin_lib`, the compiler's jars, and defines kotlinc(), which starts it without its script, from an archive of its classes.
kotlin_lib=$(dirname "$(dirname "$(readlink -f "$compiler")")")/lib
[ -f "$kotlin_lib/kotlin-compiler.jar" ] || fail "there is no kotlin-compiler.jar in $kotlin_lib, beside $compiler"
kotlin_classpath=$kotlin_lib/kotlin-compiler.jar:$kotlin_lib/kotlin-stdlib.jar:$kotlin_lib/kotlin-script-runtime.jar:$kotlin_lib/kotlin-reflect.jar:$kotlin_lib/annotations-13.0.jar:$kotlin_lib/kotlinx-coroutines-core-jvm.jar

# The archive is of what `kotlin_archive` says. What it warns of newer JVMs is not the user's business.
kotlinc() {
  kotlin_quiet=
  case $(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release") in
    1? | 2[0-2]) ;;
    23) kotlin_quiet=--sun-misc-unsafe-memory-access=allow ;;
    *) kotlin_quiet="--sun-misc-unsafe-memory-access=allow --enable-native-access=ALL-UNNAMED" ;;
  esac
  "$home/bin/java" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -Xlog:disable -Xlog:all=error:stderr $kotlin_archive $kotlin_quiet \
    -Dkotlin.home="${kotlin_lib%/lib}" -cp "$kotlin_classpath" org.jetbrains.kotlin.cli.jvm.K2JVMCompiler -kotlin-home "${kotlin_lib%/lib}" \
    -no-stdlib -no-reflect -jvm-target 17 -java-parameters "$@"
}
