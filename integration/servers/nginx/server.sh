# shellcheck shell=bash disable=SC2154
# nginx three times: dav module, compressing proxy, caching proxy.
nginx_needs() { debian nginx nginx-light; }
nginx_version() { echo "nginx|$(nginx -v 2>&1 | sed -n 's,.*nginx/\([0-9.]*\).*,\1,p')"; }
nginx_start() {
	port nginx
	port nginx_gzip
	port nginx_cache
	mkdir "$dir/files" "$dir/cache"
	belongs_to www-data
	render nginx.conf GZIP_PORT "$nginx_gzip" CACHE_PORT "$nginx_cache"
	spawn nginx -c "$dir/nginx.conf" -e "$log" -g 'daemon off;'
}
nginx_ready() {
	await "$nginx" "$nginx_gzip" "$nginx_cache"
	address NGINX_DAV "http://127.0.0.1:$nginx/"
	address NGINX_GZIP "http://127.0.0.1:$nginx_gzip/"
	address NGINX_CACHE "http://127.0.0.1:$nginx_cache/"
	address NGINX_DAV_LOG "$dir/dav.log"
	address NGINX_GZIP_LOG "$dir/gzip.log"
	address NGINX_CACHE_LOG "$dir/cache.log"
}
