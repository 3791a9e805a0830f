<?php

return function ($context) {
    $req = $context->req;
    $res = $context->res;
    if ($req->method === 'GET' && $req->path === '/users') {
        return $res->json(['users' => ['ada', 'bob']]);
    }
    if ($req->method === 'POST' && $req->path === '/users') {
        return $res->text('created ' . $req->bodyRaw, 201);
    }
    $one = preg_match('#^/users/(\d+)$#', $req->path, $found);
    if ($one && $req->method === 'PATCH') {
        return $res->text('changed ' . $found[1]);
    }
    if ($one && $req->method === 'DELETE') {
        return $res->empty();
    }
    return $res->text("$req->method $req->path is not here", 404);
};
