# weaved: GNU make, pkg-config, gcc or clang. Objects and programs go below
# build/; README.md says what the targets do. SANITIZE=address,undefined builds
# all of it sanitized, below build/sanitize.

VERSION	= 0.1.0
BUILD	?= build
OUT	:= $(BUILD)$(if $(SANITIZE),/sanitize)

PREFIX	?= /usr/local
SBINDIR	?= $(PREFIX)/sbin
BINDIR	?= $(PREFIX)/bin
MANDIR	?= $(PREFIX)/share/man
UNITDIR	?= $(PREFIX)/lib/systemd/system
CONFDIR	= /etc/weaved
INITDIR	= /etc/init.d
D	= $(DESTDIR)

CC	?= cc
PKG_CONFIG ?= pkg-config
export CC PKG_CONFIG

# pkg-config's name of each library, then Debian's.
LIBRARIES = libevent:libevent-dev libsodium:libsodium-dev \
	  yaml-0.1:libyaml-dev jansson:libjansson-dev \
	  libbsd-overlay:libbsd-dev libseccomp:libseccomp-dev
PKGS	= $(foreach l,$(LIBRARIES),$(firstword $(subst :, ,$(l))))

DEPS	= gcc libc6-dev pkg-config \
	  $(foreach l,$(LIBRARIES),$(lastword $(subst :, ,$(l))))
DEPS_RUN = iproute2 iputils-ping procps iperf3 tcpdump jq ethtool nftables
DEPS_CHECK = $(DEPS_RUN) atf-sh libatf-dev kyua mandoc systemd
DEPS_LINT = clang-format cppcheck mandoc shellcheck
DEPS_FUZZ = clang libclang-rt-14-dev

# What a program is built for decides what is needed: complain before compiling.
GOALS	:= $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out clean uninstall deps deps-%,$(GOALS)),)
NEED	:= $(LIBRARIES)
endif
ifneq ($(filter check tests,$(GOALS)),)
ifneq ($(shell id -u),0)
NEED	+= atf-c:libatf-dev
endif
endif
