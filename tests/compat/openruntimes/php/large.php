<?php

return function ($context) {
    $body = $context->req->bodyBinary;
    return $context->res->binary($body, 200, ['x-size' => strval(strlen($body))]);
};
