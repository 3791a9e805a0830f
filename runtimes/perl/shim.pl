# The shim of the Perl runtime: speaks the frame (docs/formats/frame.md) on fd 3 and 4, loads user code, calls it. One call at a time, in a
# synchronous read loop: that is the fastest shape. It begins while worker.pl is still being compiled, so that a fork of the zygote can become a
# program of its own by going on with other text; functions run in INIT, once that file has been read to its end.
package Trivet::Worker;
use v5.36;
use Config ();

our $Here;

BEGIN {
    $Here = __FILE__ =~ s{[^/]*\z}{}r || './';
    require "${Here}frames.pl";
    Trivet::Frames->import(':all');
    require "${Here}calls.pl";
    require "${Here}errors.pl";
}

sub new ($class) {
    my $self = bless {frames => Trivet::Frames->new, credit => 0, draining => 0}, $class;
    $self->{asks} = Trivet::Asks->new($self);
    my %hello = (protocol => 1, runtime => 'perl', version => sprintf('%vd', $^V), concurrency => 1, features => ['stream']);
    $self->{greeting} = frame_of(HELLO, 0, to_json(\%hello));
    return $self;
}

# HELLO, and READY with it where nothing has to be loaded any more.
sub hello ($self, $is_ready = 0) {
    $self->{frames}->write_bytes($self->{greeting} . ($is_ready ? frame_of(READY, 0) : ''));
}

# What a call does, without one: a fork that waits has then touched the pages that it will write to.
sub rehearse ($self) {
    Trivet::Context->new($self, 0, '{}')->deadline;
    frame_of(REPLY, 0, '', $self->json($self->parse('{"a":[1,"b",2.5,null]}')));
    $self->flush;
}

# Until DRAIN, or the end of the input.
sub run ($self) {
    until ($self->{draining}) {
        my ($kind, $flags, $call, $meta, $body) = $self->{frames}->read or last;
        if    ($kind == CALL) { $self->call($call, $meta, $body, $flags) }
        elsif ($kind == LOAD) { $self->load($self->enter($meta)) }
        else                  { $self->between($kind, $meta, $body) }
    }
}

# Reads up to LOAD. True when it names a program that the process is to become.
sub is_program ($self) {
    until ($self->{draining}) {
        my ($kind, undef, undef, $meta, $body) = $self->{frames}->read or last;
        if ($kind == LOAD) {
            $self->{plan} = $self->enter($meta);
            return $self->{plan}{interface} eq 'stdio';
        }
        $self->between($kind, $meta, $body);
    }
    exit 0;
}

# A frame that is not about a new call.
sub between ($self, $kind, $meta, $body) {
    if    ($kind == PING)   { $self->{frames}->write(PONG, 0, '', $body) }
    elsif ($kind == DRAIN)  { $self->{draining} = 1 }
    elsif ($kind == CREDIT) { $self->{credit} += from_json($meta)->{bytes} }
    elsif ($kind == ANSWER) { $self->{asks}->answered($meta, $body) }
}

# A call's body that comes in pieces, whole.
sub rest_of ($self, $call, $whole) {
    while (1) {
        my ($kind, $flags, $of, $meta, $body) = $self->{frames}->read or exit 0;
        Trivet::Failure->throw('CANCELLED', 'the call was cancelled before its body was whole') if $kind == CANCEL && $of == $call;
        if ($kind != CHUNK || $of != $call) {
            $self->between($kind, $meta, $body);
            next;
        }
        $whole .= $body;
        return $whole unless $flags & MORE;
        $self->{frames}->write(CREDIT, $call, '{"bytes":' . length($body) . '}');
    }
}

# Goes where LOAD says, with its environment.
sub enter ($self, $meta) {
    my $plan = from_json($meta);
    chdir $plan->{dir} or die "$plan->{dir}: $!\n";
    @ENV{keys %{$plan->{env}}} = map { utf8::encode(my $text = $_); $text } values %{$plan->{env}};
    return $plan;
}

# Loads the function. `check` tells why it must not be forked, once it is loaded.
sub load ($self, $plan, $check = sub { '' }) {
    @$self{qw(function env window most)} = @$plan{qw(function env credit max_frame)};
    $self->{answer} = {context => \&answer_context, module => \&answer_module}->{$plan->{interface}} // \&answer_json;
    $SIG{__DIE__} = \&Trivet::Errors::note;
    my $loaded = eval { $self->{handler} = $self->find($plan); 1 };
    my $error = $@;
    $self->flush;
    if (!$loaded) {
        $self->{frames}->write(ERROR, 0, Trivet::Errors::meta($error, 'LOAD_FAILED'));
        exit 1;
    }
    my $unsafe = $check->();
    $self->{frames}->write(READY, 0, length $unsafe ? to_json({unsafe => text_of($unsafe)}) : '');
}

# What is called for each call. Modules that the function brings with it are found: its own in lib/, those of cpanm and carton in local/, or in what the
# build has made.
sub find ($self, $plan) {
    my @folders = map { ("$_/$Config::Config{archname}", $_) } map { "$_/local/lib/perl5" } grep { defined } @$plan{qw(dir output)};
    unshift @INC, grep { -d } "$plan->{dir}/lib", @folders;
    if ($plan->{interface} eq 'module') {
        require "${Here}modules.pl";
        return Trivet::Modules->new($plan->{dir});
    }
    require "${Here}http.pl" if $plan->{interface} eq 'context';
    my $path = "$plan->{dir}/$plan->{entrypoint}";
    Trivet::Failure->throw('LOAD_FAILED', "there is no file $plan->{entrypoint}") unless -f $path;
    Trivet::Errors::run_file($path);
    my @names = length $plan->{handler} ? $plan->{handler} : qw(handler main handle);
    for my $name (@names) {
        no strict 'refs';
        my $full = $name =~ /::/ ? $name : "main::$name";
        return \&$full if defined &$full;
    }
    Trivet::Failure->throw('LOAD_FAILED', "$plan->{entrypoint} has no sub " . join ' or ', @names);
}

# What user code has printed goes out, before the frame that follows it.
sub flush ($self) {
    my $was = select STDOUT;
    my $auto = $|;
    $| = 1;
    $| = $auto;
    select $was;
}

sub call ($self, $call, $meta, $body, $flags) {
    $self->{asks}{current} = $call;
    my $done = eval {
        $body = $self->rest_of($call, $body) if $flags & MORE;
        $self->{answer}->($self, $call, $meta, $body);
        1;
    };
    if (!$done) {
        my $error = $@;
        $self->flush;
        $self->{frames}->write(ERROR, $call, Trivet::Errors::meta($error));
    }
    $self->{asks}->settle;
}

sub reply ($self, $call, $head, $body) {
    my $size = length($head) + length $body;
    Trivet::Failure->throw('INVALID_OUTPUT', "the reply has $size bytes, more than limits.payload allows: return less, or stream it")
        if 12 + $size > $self->{most} || length $head > META_MAX;
    $self->flush;
    $self->{frames}->write(REPLY, $call, $head, $body);
}

sub parse ($self, $body) {
    return undef unless length $body;
    my ($value, $read);
    eval { $value = from_json($body); $read = 1 };
    Trivet::Failure->throw('INVALID_INPUT', 'the input is not JSON: ' . Trivet::Errors::sentence($@)) unless $read;
    return $value;
}

# The JSON of what user code gave, or INVALID_OUTPUT.
sub json ($self, $value) {
    local $@;
    my $bytes = eval { to_json($value) };
    Trivet::Failure->throw('INVALID_OUTPUT', 'the value cannot be written as JSON: ' . Trivet::Errors::sentence($@)) unless defined $bytes;
    return $bytes;
}

sub answer_json ($self, $call, $meta, $body) {
    my $output = $self->{handler}->($self->parse($body), Trivet::Context->new($self, $call, $meta));
    return $self->reply($call, '', $self->json($output)) if ref $output ne 'CODE';
    $self->stream($call, '{"headers":[["content-type","application/x-ndjson"]]}', sub {
        my $value = $output->() // return;
        return ref $value eq 'SCALAR' ? $$value : $self->json($value) . "\n";
    });
}

sub answer_module ($self, $call, $meta, $body) {
    my $args = length $body ? $self->parse($body) : [];
    my $output = $self->{handler}->call(from_json($meta), $args);
    if (ref $output eq 'CODE') {
        my ($next, @all) = $output;
        while (defined(my $value = $next->())) { push @all, $value }
        $output = \@all;
    }
    $self->reply($call, '', $self->json($output));
}

sub answer_context ($self, $call, $meta, $body) {
    my $sdk = bless {asks => $self->{asks}, call => $call}, 'Trivet::Sdk';
    my $context = Trivet::HttpContext->new(from_json($meta), $body, Trivet::Log->new($self->{frames}, $call), $sdk);
    my ($head, $payload) = Trivet::Responder::finished(scalar $self->{handler}->($context));
    return $self->reply($call, $head, $payload) unless ref $payload;
    $self->stream($call, $head, sub { Trivet::Responder::bytes($payload->() // return) });
}

# Sends what `next` gives until it gives undef, and waits when the host has no room for it.
sub stream ($self, $call, $head, $next) {
    $self->flush;
    $self->{frames}->write(REPLY, $call, $head, '', MORE);
    $self->{credit} = $self->{window};
    while (defined(my $piece = $next->())) {
        for (my $at = 0; $at < length $piece; $at += CHUNK_SIZE) { $self->send_chunk($call, substr $piece, $at, CHUNK_SIZE) }
    }
    $self->{frames}->write(CHUNK, $call);
}

sub send_chunk ($self, $call, $part) {
    while ($self->{credit} < length $part) {
        my ($kind, undef, $of, $meta, $body) = $self->{frames}->read or exit 0;
        Trivet::Failure->throw('CANCELLED', 'the stream was cancelled') if $kind == CANCEL && $of == $call;
        $self->between($kind, $meta, $body);
    }
    $self->{credit} -= length $part;
    $self->flush;
    $self->{frames}->write(CHUNK, $call, '', $part, MORE);
}

my ($worker, $zygote, $is_program);

# In BEGIN of `script`: a zygote stays here, and its forks come out.
sub start ($script) {
    $worker = __PACKAGE__->new;
    return $worker->hello unless delete $ENV{TRIVET_ZYGOTE};
    require "${Here}zygote.pl";
    $zygote = Trivet::Zygote->new($worker);
    $zygote->serve;
    return if $zygote->{is_of_function} || !$worker->is_program;
    require "${Here}program.pl";
    $is_program = 1;
    $worker->{frames}->close;
    Trivet::Program::become($worker->{plan}{entrypoint}, $script, \&Trivet::Zygote::system_call);
}

INIT {
    if (!$is_program) {
        $zygote->serve if $zygote && $zygote->{is_of_function};
        $worker->load($worker->{plan}) if $worker->{plan};
        $worker->run;
    }
}

1;
