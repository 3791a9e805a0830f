use v5.36;

sub handler ($input, $ctx) {
    return $input;
}
