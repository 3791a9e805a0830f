<?php

return function ($context) {
    return $context->res->binary("\x89PNG\r\n\x1a\n\0\xff", 200, ['content-type' => 'image/png']);
};
