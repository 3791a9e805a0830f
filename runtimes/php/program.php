<?php
namespace Trivet;

/** Makes the globals what they are in a program that was started as `php $entrypoint`. */
function become(string $entrypoint): void
{
    if (\file_get_contents($entrypoint, false, null, 0, 2) === '#!') { // PHP passes over such a line in the first file of a process only
        \pcntl_exec(PHP_BINARY, [$entrypoint]);
    }
    $GLOBALS['argv'] = $_SERVER['argv'] = [$entrypoint];
    foreach (['SCRIPT_NAME', 'SCRIPT_FILENAME', 'PATH_TRANSLATED', 'PHP_SELF'] as $name) {
        $_SERVER[$name] = $entrypoint;
    }
    $_SERVER['REQUEST_TIME_FLOAT'] = \microtime(true);
    $_SERVER['REQUEST_TIME'] = (int) $_SERVER['REQUEST_TIME_FLOAT'];
}
