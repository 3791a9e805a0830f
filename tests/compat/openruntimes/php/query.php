<?php

return function ($context) {
    return $context->res->json($context->req->query, 200, ['x-query' => $context->req->queryString]);
};
