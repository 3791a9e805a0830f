<?php

// Called once per request. $input is the JSON body; what is returned becomes the reply.
return function (?object $input, $ctx) {
    $name = $input->name ?? 'World';
    $ctx->log->info('greeting', ['name' => $name]);
    return ['message' => "Hello, $name!"];
};
