#include "probes/io/stamped_bio.hpp"

#include <cerrno>
#include <span>

#include <openssl/bio.h>
#include <sys/socket.h>

#include "probes/io/stamp.hpp"

namespace slimtax::probes {
namespace {

struct Wire {
    int fd;
    TimePoint* arrived;
    bool ended = false;
};

Wire& wire_of(BIO* bio) {
    return *static_cast<Wire*>(BIO_get_data(bio));
}

bool may_retry() {
    return errno == EAGAIN || errno == EINTR;
}

int read_wire(BIO* bio, char* room, int size) {
    Wire& wire = wire_of(bio);
    BIO_clear_retry_flags(bio);
    const std::span<char> free_room(room, static_cast<std::size_t>(size));
    errno = 0;
    const ssize_t got = receive_stamped(wire.fd, free_room, 0, *wire.arrived);
    wire.ended = got == 0;
    if (got < 0 && may_retry()) {
        BIO_set_retry_read(bio);
    }
    return static_cast<int>(got);
}

int write_wire(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    errno = 0;
    const ssize_t sent = ::send(wire_of(bio).fd, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && may_retry()) {
        BIO_set_retry_write(bio);
    }
    return static_cast<int>(sent);
}

long control_wire(BIO* bio, int what, long, void* result) {
    switch (what) {
        case BIO_CTRL_FLUSH:
        case BIO_CTRL_DUP: return 1;
        case BIO_CTRL_EOF: return wire_of(bio).ended ? 1 : 0;
        case BIO_C_GET_FD:
            if (result != nullptr) {
                *static_cast<int*>(result) = wire_of(bio).fd;
            }
            return wire_of(bio).fd;
        default: return 0;
    }
}

int destroy_wire(BIO* bio) {
    delete static_cast<Wire*>(BIO_get_data(bio));
    BIO_set_data(bio, nullptr);
    return 1;
}

/// Made once, kept for the program's life.
BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
        BIO_METHOD* const fresh =
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "stamped socket");
        if (fresh != nullptr) {
            BIO_meth_set_read(fresh, read_wire);
            BIO_meth_set_write(fresh, write_wire);
            BIO_meth_set_ctrl(fresh, control_wire);
            BIO_meth_set_destroy(fresh, destroy_wire);
        }
        return fresh;
    }();
    return made;
}

}  // namespace

BIO* new_stamped_bio(int fd, TimePoint& arrived) {
    BIO* const bio = method() == nullptr ? nullptr : BIO_new(method());
    if (bio != nullptr) {
        BIO_set_data(bio, new Wire{fd, &arrived});
        BIO_set_init(bio, 1);
    }
    return bio;
}

}  // namespace slimtax::probes
