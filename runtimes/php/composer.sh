# Composer, as the PHP that runs the function: $php, with its cache in $cache. It keeps nothing beside that, and asks nothing.
program=$(command -v composer) || { echo "composer.json needs composer, which is not on PATH: apt-get install composer" >&2; exit 1; }
case $(head -n 1 "$program") in
  '#!'*php*) ;;
  *) php= ;; # something that finds its PHP by itself
esac
unset COMPOSER COMPOSER_VENDOR_DIR COMPOSER_BIN_DIR
mkdir -p "$work/home"
for each in config.json auth.json; do # mirrors, tokens
  for home in "${COMPOSER_HOME:-}" "${HOME:-}/.config/composer" "${HOME:-}/.composer"; do
    if [ -f "$home/$each" ] && [ ! -e "$work/home/$each" ]; then cp "$home/$each" "$work/home/"; fi
  done
done
export COMPOSER_HOME="$work/home" COMPOSER_CACHE_DIR="$cache/composer" COMPOSER_DATA_DIR="$work/home" COMPOSER_NO_INTERACTION=1 COMPOSER_ALLOW_SUPERUSER=1
export COMPOSER_MIRROR_PATH_REPOS=1 COMPOSER_ROOT_VERSION="${COMPOSER_ROOT_VERSION:-1.0.0+no-version-set}" NO_COLOR=1 # else it asks git about folders above
composer() { ${php:+"$php"} "$program" --no-ansi "$@"; }
looks_through_files() { grep -Eq '"(classmap|classmap-authoritative|optimize-autoloader)"' composer.json; }
