use v5.36;

# Called once per request. $input is the JSON body; what is returned becomes the reply.
sub handler ($input, $ctx) {
    my $name = $input->{name} // 'World';
    $ctx->log->info('greeting', {name => $name});
    return {message => "Hello, $name!"};
}
