# The usual server of the language with the same function: an application of PSGI, for Starman.
use v5.36;
use JSON::XS;

my $json = JSON::XS->new->utf8;
sub ($env) {
    $env->{'psgi.input'}->read(my $body, $env->{CONTENT_LENGTH});
    my $text = $json->encode($json->decode($body));
    return [200, ['Content-Type' => 'application/json', 'Content-Length' => length $text], [$text]];
};
