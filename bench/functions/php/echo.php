<?php

return function ($input, $ctx) {
    return $input;
};
