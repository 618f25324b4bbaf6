// What fresh memory holds, and what has to be still there around it: a byte whose repetition
// is a NaN in every floating-point type and -1 in every integer.
#pragma once
enum : int { POISON = 0xff };
