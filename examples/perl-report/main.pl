use v5.36;
use Template;
use Sales;

my $template = Template->new({INTERPOLATE => 0});
my $page = do { local $/; <DATA> };

sub main ($context) {
    my ($req, $res) = ($context->req, $context->res);
    return $res->text("POST a table of item, count and price\n", 405) if $req->method ne 'POST';
    my @items = eval { Sales::totals(Sales::read_csv($req->body_binary)) };
    if ($@) {
        $context->error('refused', $@);
        return $res->text($@, 422);
    }
    $context->log('read', {items => scalar @items});
    return $res->json({items => \@items}) if ($req->query->{format} // '') eq 'json';
    $template->process(\$page, {items => \@items}, \my $html) or die $template->error;
    return $res->text($html, 200, {'content-type' => 'text/html'});
}

__DATA__
<!doctype html>
<meta charset="utf-8">
<title>Sales</title>
<table>
[% FOREACH each IN items -%]
<tr><td>[% each.item | html %]</td><td>[% each.count %]</td><td>[% each.total %]</td></tr>
[% END -%]
</table>
