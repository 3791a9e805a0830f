use v5.36;
use Encode;
use File::Spec;
use HTTP::Tiny;
use JSON::PP;
use POSIX;
use Time::HiRes;

sub handler ($input, $ctx) {
    return $input;
}
