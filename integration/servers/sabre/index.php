<?php
// sabre/dav over a directory. FSExt gives files the MD5 of their content as ETag.
require 'Sabre/autoload.php';

$dir = getenv('SABRE_DIR');
$server = new Sabre\DAV\Server(new Sabre\DAV\FSExt\Directory("$dir/files"));
$server->setBaseUri('/');
$server->addPlugin(new Sabre\DAV\Locks\Plugin(new Sabre\DAV\Locks\Backend\File("$dir/locks")));

register_shutdown_function(function () use ($dir) {
    $etag = '-';
    foreach (headers_list() as $header) {
        if (stripos($header, 'ETag:') === 0) {
            $etag = trim(substr($header, 5));
        }
    }
    $line = $_SERVER['REQUEST_METHOD'] . ' ' . $_SERVER['REQUEST_URI'] . ' ' . http_response_code();
    foreach (['IF_MATCH', 'IF_NONE_MATCH', 'IF_UNMODIFIED_SINCE', 'ACCEPT_ENCODING'] as $name) {
        $line .= ' "' . addcslashes($_SERVER["HTTP_$name"] ?? '-', '"\\') . '"';
    }
    file_put_contents("$dir/access.log", $line . ' "' . addcslashes($etag, '"\\') . "\"\n", FILE_APPEND);
});

$server->exec();
