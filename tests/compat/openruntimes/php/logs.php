<?php

return function ($context) {
    $context->log('Debug log');
    $context->log(42);
    $context->log('engine:', 'open-runtimes');
    $context->error('Error log');
    return $context->res->text('logged');
};
