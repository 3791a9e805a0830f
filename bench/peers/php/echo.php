<?php
// The usual server of the language with the same function: for php-fpm.
$text = json_encode(json_decode(file_get_contents('php://input')));
header('Content-Type: application/json');
header('Content-Length: ' . strlen($text));
echo $text;
