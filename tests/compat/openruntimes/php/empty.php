<?php

return function ($context) {
    return $context->res->empty();
};
