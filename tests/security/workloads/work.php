<?php
$folder = sys_get_temp_dir() . '/work-' . bin2hex(random_bytes(6));
mkdir($folder);
file_put_contents("$folder/file", str_repeat('x', 10000), LOCK_EX);
copy("$folder/file", "$folder/file2");
touch("$folder/file2", 1);
if (filesize("$folder/file2") !== 10000) throw new Exception('copy');
foreach (['tcp://127.0.0.1:0', "unix://$folder/s"] as $where) {
    $server = stream_socket_server($where);
    $name = stream_socket_get_name($server, false);
    $client = stream_socket_client(str_starts_with($where, 'tcp') ? "tcp://$name" : $where);
    fwrite(stream_socket_accept($server), "hello\n");
    if (fgets($client) !== "hello\n") throw new Exception('echo');
}
if (shell_exec('echo out | cat') !== "out\n") throw new Exception('child');
if (gethostbyname('localhost') === 'localhost') throw new Exception('name');
array_map('unlink', glob("$folder/*"));
rmdir($folder);
echo "fine\n";
