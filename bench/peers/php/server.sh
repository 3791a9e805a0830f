#!/bin/sh
# server.sh HERE SCRATCH PORT: nginx in front of php-fpm with four children. Both end with this script.
set -eu
here=$1 scratch=$2 port=$3
user=
[ "$(id -u)" != 0 ] || user="user root;"
cat >"$scratch/fpm.conf" <<END
[global]
error_log = $scratch/fpm.log
daemonize = no
[www]
listen = $scratch/fpm.sock
listen.backlog = 1024
pm = static
pm.max_children = 4
END
cat >"$scratch/nginx.conf" <<END
daemon off; $user worker_processes 1; pid $scratch/pid; error_log $scratch/nginx.log;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 100000000; client_body_temp_path $scratch/b; proxy_temp_path $scratch/p;
  fastcgi_temp_path $scratch/f; uwsgi_temp_path $scratch/u; scgi_temp_path $scratch/s;
  upstream fpm { server unix:$scratch/fpm.sock; }
  server {
    listen 127.0.0.1:$port;
    location / {
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME $here/echo.php;
      fastcgi_pass fpm;
    }
  }
}
END
root=
[ "$(id -u)" != 0 ] || root=-R
php-fpm8.2 -n -F $root -y "$scratch/fpm.conf" 2>"$scratch/fpm.err" &
fpm=$!
while [ ! -S "$scratch/fpm.sock" ]; do
  kill -0 $fpm || { cat "$scratch/fpm.err" "$scratch/fpm.log" >&2; exit 1; }
  sleep 0.05
done
nginx -c "$scratch/nginx.conf" -p "$scratch" &
nginx=$!
trap 'kill $nginx $fpm' TERM
wait
