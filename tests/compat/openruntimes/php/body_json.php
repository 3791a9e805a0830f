<?php

return function ($context) {
    $body = $context->req->bodyJson;
    return $context->res->json(['name' => $body['name'], 'tags' => count($body['tags'])]);
};
