<?php

return function ($context) {
    return $context->res->binary(strrev($context->req->bodyBinary), 200, ['content-type' => $context->req->headers['content-type']]);
};
