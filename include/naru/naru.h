/* <naru/naru.h>: all of libnaru. */
#ifndef NARU_NARU_H
#define NARU_NARU_H

#include <naru/base.h>
#include <naru/budget.h>
#include <naru/client.h>
#include <naru/conn.h>
#include <naru/crew.h>
#include <naru/engineio_server.h>
#include <naru/http.h>
#include <naru/hub.h>
#include <naru/json.h>
#include <naru/loop.h>
#include <naru/pubsub.h>
#include <naru/reconnect.h>
#include <naru/server.h>
#include <naru/socketio_server.h>
#include <naru/stream.h>
#include <naru/succession.h>
#include <naru/tls.h>
#include <naru/version.h>
#include <naru/ws.h>

#endif
