<?php
$c->pg_connect[] = 'dbname=davical user=davical_app host=__DIR__';
