# Sourced with `dart`, `runtime` and `cache` set: `dart pub get` in the current folder, into a cache that all functions share; without the network when it has all. A lock file
# that is there is kept to.
get_packages() {
  export PUB_CACHE="$cache/pub"
  printf 'dependency_overrides:\n  trivet:\n    path: "%s/trivet"\n' "$runtime" >pubspec_overrides.yaml
  "$dart" pub get --offline >pub.log 2>&1 || "$dart" pub get >pub.log 2>&1 || { cat pub.log >&2; return 1; }
  rm -f pub.log
}
