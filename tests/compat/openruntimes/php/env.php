<?php

return function ($context) {
    return $context->res->text(getenv('CUSTOM_ENV_VAR'));
};
