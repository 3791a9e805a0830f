<?php

// A hostile function: does what `attack` says by the means of this language, and answers what came of it.

function opened(string $path, string $mode): void
{
    $file = @fopen($path, $mode);
    if (!$file) {
        throw new RuntimeException(error_get_last()['message']);
    }
    if ($mode === 'rb') {
        fread($file, 1);
    }
    fclose($file);
}

function connected(string $address): void
{
    $socket = @stream_socket_client("tcp://$address", $number, $text, 1);
    if (!$socket) {
        throw new RuntimeException($text);
    }
    fclose($socket);
}

function started(array $arguments, array $wanted)
{
    $process = @proc_open($arguments, $wanted, $pipes);
    if (!$process) {
        throw new RuntimeException(error_get_last()['message'] ?? 'no process');
    }
    return [$process, $pipes];
}

function spawned(array $arguments): string
{
    [$process, $pipes] = started($arguments, [1 => ['pipe', 'w'], 2 => ['pipe', 'w']]);
    $text = stream_get_contents($pipes[1]) . stream_get_contents($pipes[2]);
    array_map(fclose(...), $pipes);
    proc_close($process);
    return $text;
}

// The language has no threads: processes.
function tasks(int $count): void
{
    $children = [];
    try {
        for ($i = 0; $i < $count; $i++) {
            $children[] = started(['sleep', '100'], [])[0];
        }
    } finally {
        foreach ($children as $child) {
            proc_terminate($child, 9);
            proc_close($child);
        }
    }
}

function memory(int $mib): void
{
    ini_set('memory_limit', '-1');
    $kept = [];
    for ($i = 0; $i < $mib; $i++) {
        $kept[] = str_repeat(chr(65 + $i % 26), 1 << 20);
    }
}

function spin(): never
{
    for (;;) {
    }
}

function kill(int $pid): void
{
    if (!posix_kill($pid, 0)) {
        throw new RuntimeException(posix_strerror(posix_get_last_error()));
    }
}

return function (object $input, $ctx) {
    $argument = $input->argument ?? '';
    try {
        return ['outcome' => 'allowed', 'detail' => match ($input->attack) {
            'read' => opened($argument, 'rb'),
            'write' => opened($argument, 'ab'),
            'tcp' => connected($argument),
            'kill' => kill((int)$argument),
            'spawn' => spawned($input->arguments),
            'environment' => implode("\n", array_map(fn ($name, $value) => "$name=$value", array_keys(getenv()), getenv())),
            'tasks' => tasks((int)$argument),
            'memory' => memory((int)$argument),
            'print' => (function ($lines) {
                for ($i = 0; $i < $lines; $i++) {
                    echo str_repeat('x', 999), "\n";
                }
            })((int)$argument),
            'reply' => str_repeat('x', (int)$argument << 20),
            'spin' => spin(),
        }];
    } catch (RuntimeException $error) {
        return ['outcome' => $error->getMessage()];
    }
};
