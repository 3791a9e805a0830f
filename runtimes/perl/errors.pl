package Trivet::Errors;

# How errors of user code are told.
use v5.36;
BEGIN { Trivet::Frames->import(':all') }

my $here = __FILE__ =~ s{[^/]*\z}{}r;
my ($noted, @trace);    # the last error that was thrown, and where it was

# $SIG{__DIE__} while user code runs: only then it can be seen who called whom.
sub note ($error) {
    my @found;
    for (my $depth = 1; @found < 50 && (my ($package, $file, $line, $sub) = caller $depth); $depth++) {
        my ($at, $where) = (caller $depth - 1)[1, 2];
        push @found, [$at, $where, $sub] unless index($at, $here) == 0;
    }
    ($noted, @trace) = (identity($error), @found);
}

# What tells an error from others: its text, or which object it is.
sub identity ($error) {
    return $error unless ref $error;
    require overload;
    return overload::StrVal($error);
}

# Runs a file in the package main.
sub run_file ($path) {
    package main;
    do $path;
    die $@ if ref $@ || length $@;
}

# An error's text in one line, without where it happened.
sub sentence ($error) { return text_of(message($error), 1000) }

sub message ($error) {
    my $text = eval { ref $error && $error->can('message') && !$error->isa('Trivet::CallError') ? $error->message : undef };
    $text //= eval {"$error"} // ref $error;
    $text =~ s/ at \S+ line [0-9]+(?:, <[^>]*> (?:line|chunk) [0-9]+)?\.?\n\z//;
    $text =~ s/ at (\S+) line ([0-9]+)/ at $1:$2/g;
    $text =~ s/\n\z//;
    return length $text ? $text : ref $error || 'Died';
}

# ERROR's meta of an error.
sub meta ($error, $code = 'FUNCTION_ERROR') {
    return to_json({code => $error->{code}, message => text_of($error->{message})}) if ref $error eq 'Trivet::Failure';
    $code = 'LOOP_DETECTED' if ref $error eq 'Trivet::CallError' && $error->code eq 'LOOP_DETECTED';    # its caller must know
    my $message = text_of(message($error));
    return to_json({code => $code, message => $message, type => text_of(ref $error || 'die'), stack => text_of(stack($error, $message))});
}

sub stack ($error, $message) {
    my $thrown = identity($error);
    my @lines = map { "\tat $_->[0]:$_->[1]" . ($_->[2] =~ /^\(eval\)|__ANON__\z/ ? '' : " ($_->[2])") } defined $noted && $noted eq $thrown ? @trace : ();
    push @lines, "\tat $1:$2" if !@lines && !ref $error && $error =~ / at (\S+) line ([0-9]+)/;
    return join "\n", $message, map { text_of($_) } @lines;
}

1;
