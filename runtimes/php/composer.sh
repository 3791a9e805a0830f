# Composer, as the PHP that runs the function: $php, with its cache in $cache. It keeps nothing beside that, and asks nothing.
program=$(command -v composer) || { echo "composer.json needs composer, which is not on PATH: apt-get install composer" >&2; exit 1; }
case $(head -n 1 "$program") in
  '#!'*php*) ;;
  *) php= ;; # something that finds its PHP by itself
esac
unset COMPOSER COMPOSER_VENDOR_DIR COMPOSER_BIN_DIR
export COMPOSER_CACHE_DIR="$cache/composer" COMPOSER_NO_INTERACTION=1 COMPOSER_ALLOW_SUPERUSER=1 COMPOSER_MIRROR_PATH_REPOS=1 NO_COLOR=1
export COMPOSER_ROOT_VERSION="${COMPOSER_ROOT_VERSION:-1.0.0+no-version-set}" # else it asks git about folders above
[ -n "${HOME:-}" ] || export COMPOSER_HOME="${COMPOSER_HOME:-$work/home}"
composer() { ${php:+"$php"} "$program" --no-ansi "$@"; }
looks_through_files() { grep -Eq '"(classmap|classmap-authoritative|optimize-autoloader)"' composer.json; }
