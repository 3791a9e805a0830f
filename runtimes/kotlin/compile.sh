# Sourced by ../_jvm/build.sh: compiles the files that $work/sources names into $work/classes; Java files among them too.
. "${here%/*}/kotlin/common.sh"
kotlin_archive=
if [ -s "$place/kotlinc.archive" ]; then
  if [ "$(od -An -tx1 -N4 "$place/worker.aot" 2>/dev/null)" ]; then kotlin_archive=-XX:AOTCache=$place/kotlinc.archive; else kotlin_archive=-XX:SharedArchiveFile=$place/kotlinc.archive; fi
fi
kotlinc -nowarn -module-name function -cp "$classpath" -d "$work/classes" $(sed 's/[^A-Za-z0-9_.\/-]/\\&/g' "$work/sources")
if grep -q '\.java$' "$work/sources"; then
  grep '\.java$' "$work/sources" >"$work/java_sources"
  "$home/bin/javac" -J-XX:TieredStopAtLevel=1 -encoding UTF-8 -g -parameters -d "$work/classes" -cp "$work/classes:$classpath" "@$work/java_sources"
fi
