<?php

return function ($context) {
    throw new Exception('kaboom');
};
