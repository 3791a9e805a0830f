<?php

return fn ($context) => $context->res->text($context->req->bodyText);
