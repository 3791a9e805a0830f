package Trivet::Frames;

# The frame (docs/formats/frame.md) on fd 3 and 4, and the JSON of everything.
use v5.36;
use Exporter 'import';

use constant {
    LOAD => 1, CALL => 2, CHUNK => 3, CANCEL => 4, PING => 5, ANSWER => 6, DRAIN => 8, CREDIT => 9,
    HELLO => 65, READY => 66, REPLY => 67, ERROR => 68, LOG => 69, PONG => 70, ASK => 71,
    MORE => 1, CHUNK_SIZE => 65_536, META_MAX => 1 << 20,
    TEXT_MAX => 65_536,    # characters of a message or a stack
    HEADER => 'NCCnNN',
};
our @EXPORT_OK = (qw(frame_of text_of to_json from_json LOAD CALL CHUNK CANCEL PING ANSWER DRAIN CREDIT HELLO READY REPLY ERROR LOG PONG ASK MORE
    CHUNK_SIZE META_MAX TEXT_MAX HEADER));
our %EXPORT_TAGS = (all => \@EXPORT_OK);

# JSON::XS is the fast one; JSON::PP came with Perl and does the same.
our $Library = eval { require JSON::XS; 'JSON::XS' } // do { require JSON::PP; 'JSON::PP' };
my $json = $Library->new->utf8->allow_nonref->convert_blessed;

sub from_json ($bytes) { return $json->decode($bytes) }

# The bytes of a value. Dies of what JSON cannot hold: code, objects without TO_JSON, circles, and numbers that are none, which the library lets through.
sub to_json ($value) {
    my $bytes = $json->encode($value);
    $json->decode($bytes) if index($bytes, 'nan') >= 0 || index($bytes, 'inf') >= 0 || index($bytes, 'NaN') >= 0 || index($bytes, 'Inf') >= 0;
    return $bytes;
}

# Characters that fit into meta, whatever user code put into its texts: bytes that are UTF-8 are read as that, what is none becomes "?".
sub text_of ($value, $most = TEXT_MAX) {
    my $text = "$value";
    if (!utf8::is_utf8($text) && !utf8::decode($text)) {
        require Encode;
        $text = Encode::decode('UTF-8', $text, sub { '?' });
    }
    $text =~ s/[\x{D800}-\x{DFFF}]/?/g if $text =~ /[^\x00-\x7F]/;
    return substr $text, 0, $most;
}

sub frame_of ($kind, $call, $meta = '', $body = '', $flags = 0) {
    return pack('NCCnNN', 12 + length($meta) + length($body), $kind, $flags, 0, $call, length $meta) . $meta . $body;
}

# Reads whole frames from fd 3 and writes them to fd 4.
sub new ($class) {
    my $self = bless {buffer => ''}, $class;
    open $self->{in},  '<&=', 3 or die "descriptor 3: $!\n";
    open $self->{out}, '>&=', 4 or die "descriptor 4: $!\n";
    $self->close_on_exec;
    return $self;
}

sub close_on_exec ($self) {
    fcntl $_, 2, 1 for @$self{qw(in out)};    # F_SETFD, FD_CLOEXEC
}

sub close ($self) {
    CORE::close $_ for @$self{qw(in out)};
}

# (type, flags, call, meta, body), or nothing at the end of the input.
sub read ($self) {
    my $buffer = \$self->{buffer};
    while (length $$buffer < 16) { $self->more(CHUNK_SIZE) or return }
    my ($length, $kind, $flags, undef, $call, $meta_length) = unpack HEADER, $$buffer;
    my $end = $length + 4;
    while (length $$buffer < $end) {
        my $left = $end - length $$buffer;
        $self->more($left < CHUNK_SIZE ? CHUNK_SIZE : $left > 1 << 20 ? 1 << 20 : $left) or return;
    }
    my $meta = substr $$buffer, 16, $meta_length;
    my $body = substr $$buffer, 16 + $meta_length, $length - 12 - $meta_length;
    if   (length $$buffer == $end) { $$buffer = '' }
    else                           { substr $$buffer, 0, $end, '' }
    return ($kind, $flags, $call, $meta, $body);
}

sub more ($self, $size) {
    while (1) {
        my $got = sysread $self->{in}, $self->{buffer}, $size, length $self->{buffer};
        return $got if defined $got;
        return 0 unless $!{EINTR};
    }
}

sub write ($self, @frame) { $self->write_bytes(frame_of(@frame)) }

sub write_bytes ($self, $data) {
    my $sent = 0;
    while ($sent < length $data) {
        my $wrote = syswrite $self->{out}, $data, length($data) - $sent, $sent;
        if    (defined $wrote) { $sent += $wrote }
        elsif (!$!{EINTR})     { CORE::exit(1) }     # the host is gone
    }
}

1;
