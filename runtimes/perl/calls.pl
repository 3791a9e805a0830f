# What a handler is told besides its input, how it logs, and ctx->sdk: calls of other functions, over ASK and ANSWER (docs/formats/frame.md).
# Calls run one at a time in a worker, so whoever waits for an ANSWER is the one that reads frames.
use v5.36;

package Trivet::Failure {

    # An ERROR frame: a code and a sentence.
    sub throw ($class, $code, $message) { die bless {code => $code, message => $message}, $class }
}

package Trivet::CallError {
    use overload '""' => \&text, bool => sub { 1 }, fallback => 1;

    # A call of another function failed. `details` is all that is known about it; `status` and `body` are those of an answer that refused.
    sub new ($class, $error, $body = '') { return bless {details => $error, body => $body}, $class }
    sub code ($self)     { return $self->{details}{code} }
    sub function ($self) { return $self->{details}{function} }
    sub message ($self)  { return $self->{details}{message} }
    sub status ($self)   { return $self->{details}{status} }
    sub details ($self)  { return $self->{details} }
    sub body ($self)     { return $self->{body} }

    # A loop is told as it is by each function that it passes through.
    sub text ($self, @) {
        return $self->message if $self->code eq 'LOOP_DETECTED';
        return join ': ', $self->function, $self->code, $self->message;
    }
}

package Trivet::Asks {
    BEGIN { Trivet::Frames->import(':all') }

    # What a worker has asked its host for. `answers` holds, by number, 0 until the answer has come.
    sub new ($class, $worker) {
        return bless {worker => $worker, frames => $worker->{frames}, number => 0, current => 0, cancelled => 0, answers => {}}, $class;
    }

    sub refuse ($code, $message, $function) {
        die Trivet::CallError->new({code => $code, message => $message, function => $function});
    }

    sub send ($self, $call, $function, $input, %options) {
        my $body = $self->{worker}->json($input);
        my %wish = (ask => $self->{number} + 1, service => 'call', function => text_of($function));
        if (defined(my $seconds = $options{timeout})) { $wish{timeout_ms} = $seconds > 0 ? int($seconds * 1000 + 0.5) : 0 }
        my $meta = to_json(\%wish);
        refuse('CANCELLED', 'the call has ended', $function) if $call != $self->{current};
        Trivet::Failure->throw('CANCELLED', 'the call was cancelled') if $call == $self->{cancelled};
        if (12 + length($meta) + length($body) > $self->{worker}{most} || length $meta > META_MAX) {
            refuse('PAYLOAD_TOO_LARGE', 'the input has ' . length($body) . ' bytes, more than limits.payload of its caller allows', $function);
        }
        $self->{worker}->flush;
        $self->{answers}{++$self->{number}} = 0;
        $self->{frames}->write(ASK, $call, $meta, $body);
        return $self->{number};
    }

    sub wait ($self, $number) {
        my $answers = $self->{answers};
        refuse('CANCELLED', 'the call has ended', '') unless exists $answers->{$number};
        until ($answers->{$number}) {
            Trivet::Failure->throw('CANCELLED', 'the call was cancelled') if $self->{cancelled} == $self->{current};
            my ($kind, undef, $call, $meta, $body) = $self->{frames}->read or exit 0;
            if   ($kind == CANCEL) { $self->{cancelled} = $call if $call == $self->{current} }
            else                   { $self->{worker}->between($kind, $meta, $body) }
        }
        return value(@{delete $answers->{$number}});
    }

    sub answered ($self, $meta, $body) {
        my $answer = from_json($meta);
        $self->{answers}{$answer->{ask}} = [$answer, $body] if exists $self->{answers}{$answer->{ask}};    # else its call has ended
    }

    # The call is over: nobody waits for what it has asked.
    sub settle ($self) { %{$self->{answers}} = () }

    sub value ($answer, $body) {
        die Trivet::CallError->new($answer->{error}, $body) unless $answer->{ok};
        my $kind = lc($answer->{type} // 'application/json');
        return length $body ? from_json($body) : undef if $kind =~ m{^application/json};
        return [map { from_json($_) } grep { length } split /\n/, $body] if $kind =~ m{^application/x-ndjson};
        return $kind =~ m{^text/} ? text_of($body, length $body) : $body;
    }
}

package Trivet::Pending {

    # A call that was made and not waited for yet. `value`: what the function returned, or its error; asked again, the same.
    sub value ($self) {
        if (!$self->{done}) {
            $self->{value} = eval { $self->{asks}->wait($self->{number}) };
            my $error = $@;
            die $error if ref $error ne 'Trivet::CallError' && "$error" ne '';
            @$self{qw(error done)} = ($error, 1);
        }
        die $self->{error} if $self->{error};
        return $self->{value};
    }
}

package Trivet::Sdk {

    # What `function` returns for `input`: $ctx->sdk->call('area', {w => 2}, timeout => 5). Dies of a Trivet::CallError.
    sub call ($self, $function, $input = undef, %options) {
        return $self->{asks}->wait($self->{asks}->send($self->{call}, $function, $input, %options));
    }

    # The same without waiting: `value` of what it returns waits. Several may be under way at once.
    sub call_async ($self, $function, $input = undef, %options) {
        return bless {asks => $self->{asks}, number => $self->{asks}->send($self->{call}, $function, $input, %options)}, 'Trivet::Pending';
    }
}

package Trivet::Log {
    BEGIN { Trivet::Frames->import(':all') }

    # Lines that carry a level and fields: $ctx->log->info('sold', {item => 7}).
    sub new ($class, $frames, $call) { return bless {frames => $frames, call => $call}, $class }

    for my $level (qw(debug info warn error)) {
        no strict 'refs';
        *$level = sub ($self, $message, $fields = undef) { $self->line($level, $message, $fields) };
    }

    sub line ($self, $level, $message, $fields) {
        local $@;    # it is user code's
        my %meta = (level => $level, ref $fields eq 'HASH' ? (fields => $fields) : ());
        my $meta = eval { to_json(\%meta) };
        $meta = to_json({level => $level, fields => {text => 'not to be written as JSON: ' . Trivet::Errors::sentence($@)}}) unless defined $meta;
        $meta = to_json({level => $level, fields => {text => length($meta) . ' bytes, too many'}}) if length $meta > META_MAX;
        my $text = text_of($message);
        utf8::encode($text);
        $self->{frames}->write(LOG, $self->{call}, $meta, $text);
    }
}

package Trivet::Context {

    # The facts of the call are parsed when they are asked for.
    sub new ($class, $worker, $call, $meta) { return bless {worker => $worker, call => $call, meta => $meta}, $class }
    sub function ($self) { return $self->{worker}{function} }
    sub env ($self)      { return $self->{worker}{env} }
    sub call_id ($self)  { return $self->fact('id') }
    sub auth ($self)     { return $self->fact('auth') }
    sub deadline ($self) { return $self->fact('deadline_ms') }
    sub log ($self)      { return Trivet::Log->new($self->{worker}{frames}, $self->{call}) }
    sub sdk ($self)      { return bless {asks => $self->{worker}{asks}, call => $self->{call}}, 'Trivet::Sdk' }

    sub fact ($self, $key) {
        $self->{facts} //= length $self->{meta} ? Trivet::Frames::from_json($self->{meta}) : {};
        return $self->{facts}{$key};
    }
}

1;
