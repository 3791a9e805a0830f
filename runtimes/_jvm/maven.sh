# Sourced with `language`, `home`, `place`, `work` and `cache` set: Maven, with a repository that all functions share.

# Whether pom.xml says more than what is needed.
is_built_by_maven() {
  if [ "$language" != java ]; then
    grep -q kotlin-maven-plugin pom.xml
  else
    grep -Eq '<(build|parent|modules|profiles)>' pom.xml
  fi
}

# maven FOLDER ARGUMENTS...: runs it in a copy of the function's folder: once without the network, and when the repository has not all, with it. Then only one at a
# time writes there.
maven() {
  folder=$1
  shift
  command -v mvn >/dev/null || fail "what this function needs is brought by Maven, and mvn is not on PATH (apt-get install maven)"
  if [ ! -d "$folder" ]; then
    mkdir -p "$folder"
    tar --exclude=./.git --exclude=./.trivet --exclude=./target -cf - . | tar --no-same-owner -C "$folder" -xf -
  fi
  [ ! -f "$work/pom.xml" ] || cp "$work/pom.xml" "$folder/pom.xml"
  repository=$cache/maven
  # Our types, as what the pom may name trivet:trivet:1.
  ours=$repository/trivet/trivet/1
  mkdir -p "$ours"
  cp "$place/worker.jar" "$ours/trivet-1.jar.$$" && mv "$ours/trivet-1.jar.$$" "$ours/trivet-1.jar"
  printf '<project><modelVersion>4.0.0</modelVersion><groupId>trivet</groupId><artifactId>trivet</artifactId><version>1</version></project>\n' >"$ours/trivet-1.pom.$$"
  mv "$ours/trivet-1.pom.$$" "$ours/trivet-1.pom"
  export JAVA_HOME="$home"
  set -- -B -q -C -Dstyle.color=never "-Dmaven.repo.local=$repository" "$@"
  if ! (cd "$folder" && mvn -o "$@") >"$work/offline.log" 2>&1; then
    grep -q 'offline' "$work/offline.log" || { cat "$work/offline.log" >&2; exit 1; } # its own errors
    echo "the cache has not all that is needed: fetching it"
    exec 8>"$repository/lock"
    flock 8
    (cd "$folder" && mvn "$@" 8>&-) || exit 1
    exec 8>&-
  fi
}
