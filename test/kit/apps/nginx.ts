/** Whole configurations of nginx: one worker; kept connections to what is behind it. */
import type { ClusterIp } from '../netns.ts'

/** A request goes on in the address family that it came in. */
export function nginxConfig(directory: string, port: number, api: ClusterIp): string {
  return configOf(
    directory,
    `
  upstream api4 { server ${api.ipv4}:${api.port}; keepalive 8; }
  upstream api6 { server [${api.ipv6}]:${api.port}; keepalive 8; }
  server { listen 0.0.0.0:${port} backlog=4096; location / { proxy_pass http://api4; } }
  server { listen [::]:${port} ipv6only=on backlog=4096; location / { proxy_pass http://api6; } }`,
  )
}

/** The first of a chain: /fresh/ goes on over a connection a request, all else over kept ones. */
export function chainConfig(directory: string, port: number, next: ClusterIp): string {
  return configOf(
    directory,
    `
  upstream kept { server ${next.ipv4}:${next.port}; keepalive 32; }
  upstream fresh { server ${next.ipv4}:${next.port}; }
  server {
    listen 0.0.0.0:${port} backlog=4096;
    location / { proxy_pass http://kept; }
    location /fresh/ { proxy_pass http://fresh; }
  }`,
  )
}

/** `directory` holds everything nginx writes. */
export function configOf(directory: string, servers: string): string {
  return `
user root;
daemon off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  proxy_http_version 1.1;
  proxy_set_header Connection "";${servers}
}
`
}
