# The `context` interface: the open-runtimes form of a function's request and response (runtimes/CONTRACT.md).
use v5.36;

package Trivet::Request {
    BEGIN { Trivet::Frames->import(':all') }

    sub new ($class, $head, $body) {
        my $self = bless {%$head{qw(method path scheme)}, query_string => $head->{query}, body_binary => $body, headers => {}}, $class;
        for my $pair (@{$head->{headers}}) { $self->{headers}{$pair->[0]} = $pair->[1] unless $pair->[0] =~ /^x-open-runtimes-/ }
        my ($host, $port) = split /:/, $head->{host}, 2;
        $self->{host} = $host // '';
        $self->{port} = ($port // '') =~ /^[0-9]+$/ ? $port + 0 : $self->usual_port;
        return $self;
    }

    for my $name (qw(method path scheme host port headers query_string body_binary)) {
        no strict 'refs';
        *$name = sub ($self) { return $self->{$name} };
    }

    sub usual_port ($self) { return $self->{scheme} eq 'https' ? 443 : 80 }

    sub query ($self) {
        return $self->{query} //= do {
            my %query;
            for my $pair (split /&/, $self->{query_string}) {
                my ($name, $value) = split /=/, $pair, 2;
                $query{$name} = $value // '' if length($name // '');
            }
            \%query;
        };
    }

    sub url ($self) {
        my $port = $self->{port} == $self->usual_port ? '' : ":$self->{port}";
        my $query = length $self->{query_string} ? "?$self->{query_string}" : '';
        return "$self->{scheme}://$self->{host}$port$self->{path}$query";
    }

    sub body_text ($self) { return text_of($self->{body_binary}, length $self->{body_binary}) }
    sub body_raw ($self)  { return $self->body_text }
    sub body_json ($self) { return from_json($self->{body_binary}) }

    sub body ($self) {
        return $self->body_text unless lc($self->{headers}{'content-type'} // '') =~ m{^application/json};
        return length $self->{body_binary} ? $self->body_json : {};
    }
}

package Trivet::Responder {
    BEGIN { Trivet::Frames->import(':all') }

    # Characters are sent as UTF-8; a text of bytes is sent as it is.
    sub bytes ($text) {
        $text = "$text";
        utf8::encode($text) if utf8::is_utf8($text);
        return $text;
    }

    sub made ($status, $headers, $payload) { return bless {status => $status, headers => $headers, payload => $payload}, 'Trivet::Response' }

    sub binary ($self, $body, $status = 200, $headers = {}) { return made($status, $headers, "$body") }
    sub text ($self, $body, $status = 200, $headers = {}) { return made($status, $headers, bytes($body)) }
    sub send ($self, @reply) { return $self->text(@reply) }
    sub json ($self, $value, $status = 200, $headers = {}) { return made($status, {%$headers, 'content-type' => 'application/json'}, to_json($value)) }
    sub empty ($self) { return made(204, {}, '') }
    sub redirect ($self, $url, $status = 301, $headers = {}) { return made($status, {%$headers, location => $url}, '') }

    # `pieces` is a list, or code that gives one piece a call and undef at the end.
    sub stream ($self, $pieces, $status = 200, $headers = {}) {
        my @left = ref $pieces eq 'ARRAY' ? @$pieces : ();
        return made($status, $headers, ref $pieces eq 'CODE' ? $pieces : sub { shift @left });
    }

    # The REPLY's meta and payload of what a handler returned.
    sub finished ($reply) {
        Trivet::Failure->throw('INVALID_OUTPUT', 'Return statement missing. return context.res.empty() if no response is expected.')
            if ref $reply ne 'Trivet::Response';
        my %headers = map { (lc $_ => $reply->{headers}{$_}) } keys %{$reply->{headers}};
        my $kind = $headers{'content-type'} // 'text/plain';
        if ($kind !~ m{^multipart/}i) {
            $kind = lc $kind;
            $kind .= '; charset=utf-8' unless $kind =~ /charset=/;
        }
        $headers{'content-type'} = $kind;
        my @pairs;
        for my $name (sort grep { !/^x-open-runtimes-/ } keys %headers) {
            push @pairs, map { [text_of($name), text_of($_)] } ref $headers{$name} eq 'ARRAY' ? @{$headers{$name}} : $headers{$name};
        }
        return (to_json({status => $reply->{status} + 0, headers => \@pairs}), $reply->{payload});
    }
}

package Trivet::HttpContext {
    BEGIN { Trivet::Frames->import(':all') }
    use constant LOG_LINE_MAX => 8000;

    sub new ($class, $head, $body, $log, $sdk) {
        return bless {req => Trivet::Request->new($head, $body), res => bless({}, 'Trivet::Responder'), log => $log, sdk => $sdk}, $class;
    }
    sub req ($self) { return $self->{req} }
    sub res ($self) { return $self->{res} }
    sub sdk ($self) { return $self->{sdk} }
    sub log ($self, @values)   { $self->{log}->info(line(@values)) }
    sub error ($self, @values) { $self->{log}->error(line(@values)) }

    sub line (@values) {
        local $@;
        my @words = map { !defined $_ ? 'null' : ref $_ ? text_of(eval { to_json($_) } // "$_") : text_of($_) } @values;
        return substr join(' ', @words), 0, LOG_LINE_MAX;
    }
}

1;
