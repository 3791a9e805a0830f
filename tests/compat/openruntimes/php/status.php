<?php

return function ($context) {
    $context->res->text('This should be ignored.');
    return $context->res->text('I am a teapot', 418);
};
