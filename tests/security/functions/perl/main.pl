# A hostile function: does what `attack` says by the means of this language, and answers what came of it.
use v5.36;
use IO::Socket::INET;

sub opened ($path, $mode) {
    open my $file, $mode, $path or die "$!\n";
    read $file, my $byte, 1 if $mode eq '<';
    return;
}

sub connected ($address) {
    my ($host, $port) = $address =~ /^(.*):(\d+)$/;
    IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 1) or die "$!\n";
    return;
}

sub spawned ($arguments) {
    my $pid = open(my $out, '-|') // die "$!\n";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec { $arguments->[0] } @$arguments or do { print $!; require POSIX; POSIX::_exit(1) };
    }
    local $/;
    my $text = <$out>;
    close $out;
    return $text;
}

# Threads are seldom built in: processes.
sub tasks ($count) {
    my (@children, $error);
    for (1 .. $count) {
        my $pid = fork;
        if (!defined $pid) { $error = "$!"; last }
        if (!$pid) { sleep 100; require POSIX; POSIX::_exit(0) }
        push @children, $pid;
    }
    kill 'KILL', @children;
    waitpid $_, 0 for @children;
    die "$error\n" if defined $error;
    return;
}

sub memory ($mib) {
    my @kept = map { chr(65 + $_ % 26) x (1 << 20) } 1 .. $mib;
    return;
}

my %attacks = (
    read => sub ($path) { opened($path, '<') },
    write => sub ($path) { opened($path, '>>') },
    tcp => \&connected,
    kill => sub ($pid) { kill 0, $pid or die "$!\n"; return },
    spawn => \&spawned,
    environment => sub ($) { join "\n", map { "$_=$ENV{$_}" } keys %ENV },
    tasks => \&tasks,
    memory => \&memory,
    print => sub ($lines) { say 'x' x 999 for 1 .. $lines; return },
    reply => sub ($mib) { 'x' x ($mib << 20) },
    spin => sub ($) { 1 while 1 },
);

sub handler ($input, $ctx) {
    my $detail = eval { $attacks{$input->{attack}}->($input->{arguments} // $input->{argument} // '') };
    return {outcome => "$@"} if $@;
    return {outcome => 'allowed', detail => $detail};
}
