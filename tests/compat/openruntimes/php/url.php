<?php

return function ($context) {
    $req = $context->req;
    return $context->res->json([
        'method' => $req->method,
        'scheme' => $req->scheme,
        'host' => $req->host,
        'port' => $req->port,
        'path' => $req->path,
        'queryString' => $req->queryString,
        'url' => $req->url,
    ]);
};
