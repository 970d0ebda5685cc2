// Boost.Beast: an asynchronous echo on one thread. beast [--deflate]
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <cstring>
#include <iostream>
#include <memory>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using tcp = asio::ip::tcp;

static bool deflate;

class session : public std::enable_shared_from_this<session>
{
    websocket::stream<beast::tcp_stream> stream;
    beast::flat_buffer buffer;

  public:
    explicit session(tcp::socket socket) : stream(std::move(socket))
    {
    }

    void run()
    {
        websocket::permessage_deflate options;
        options.server_enable = deflate;
        stream.set_option(options);
        stream.read_message_max(128 << 20);
        stream.next_layer().socket().set_option(tcp::no_delay(true));
        stream.async_accept([self = shared_from_this()](beast::error_code error) {
            if (!error) {
                self->read();
            }
        });
    }

  private:
    void read()
    {
        stream.async_read(buffer, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (!error) {
                self->write();
            }
        });
    }

    void write()
    {
        stream.text(stream.got_text());
        stream.async_write(buffer.data(), [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (!error) {
                self->buffer.consume(self->buffer.size());
                self->read();
            }
        });
    }
};

static void accept(tcp::acceptor &acceptor)
{
    acceptor.async_accept([&acceptor](beast::error_code error, tcp::socket socket) {
        if (!error) {
            std::make_shared<session>(std::move(socket))->run();
        }
        accept(acceptor);
    });
}

int main(int argc, char **argv)
{
    deflate = argc > 1 && std::strcmp(argv[1], "--deflate") == 0;
    asio::io_context context{1};
    tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), 0});
    acceptor.listen(4096);
    std::cout << "listening on 127.0.0.1:" << acceptor.local_endpoint().port() << std::endl;
    accept(acceptor);
    context.run();
}
