// The endpoints about keys, as the table of endpoints.cpp lists them.
#pragma once
#include "agentd/endpoints.hpp"

namespace ymgr::agentd {

// piv_reading.cpp
void discover(const Call&);
void touch(const Call&);
void piv_info(const Call&);
void check_defaults(const Call&);
void slots(const Call&);
void attest(const Call&);

// piv_credentials.cpp
void verify(const Call&);
void set_pin(const Call&);
void set_puk(const Call&);
void unblock_pin(const Call&);
void set_retries(const Call&);
void rotate_management_key(const Call&);
void reset(const Call&);

// piv_slots.cpp
void generate_csr(const Call&);
void import_certificate(const Call&);
void delete_certificate(const Call&);

}  // namespace ymgr::agentd
