<?php

return function ($context) {
    parse_str($context->req->body, $form);
    return $context->res->json(['name' => $form['name'], 'age' => $form['age']]);
};
