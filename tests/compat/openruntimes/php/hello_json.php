<?php

return function ($context) {
    return $context->res->json(['message' => 'Hello Open Runtimes', 'ok' => true]);
};
