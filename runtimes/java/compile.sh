# Sourced by ../_jvm/build.sh: compiles the files that $work/sources names into $work/classes. The flags are those of a short run.
"$home/bin/javac" -J-XX:TieredStopAtLevel=1 -J-XX:+UseSerialGC -J-XX:-UsePerfData -encoding UTF-8 -g -parameters -Xlint:-options -d "$work/classes" \
  -cp "$classpath" "@$work/sources"
