<?php

return function ($context) {
    return $context->res->json(['greeting' => "Grüße, {$context->req->bodyText}! 👋"]);
};
