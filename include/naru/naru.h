/* <naru/naru.h>: all of libnaru. */
#ifndef NARU_NARU_H
#define NARU_NARU_H

#include <naru/base.h>
#include <naru/client.h>
#include <naru/conn.h>
#include <naru/http.h>
#include <naru/hub.h>
#include <naru/loop.h>
#include <naru/pubsub.h>
#include <naru/server.h>
#include <naru/tls.h>
#include <naru/version.h>
#include <naru/ws.h>

#endif
